// The names of the city: counties and townships by code.
import { lang } from "./words.js";

// `short` for tiles, `name` where there is room; English has none to spare and is short everywhere.
const choose = (place) => ({
  ...place,
  short: place[`short_${lang}`],
  name: lang === "en" ? place.short_en : place.zh,
});

export class Places {
  constructor(text) {
    this.text = text;
    const { city, counties } = JSON.parse(text);
    this.city = city[lang];
    this.counties = counties.map((county) => ({ ...choose(county), townships: county.townships.map(choose) }));
    this.known = new Map();
    for (const county of this.counties) {
      // Of a township with one window alone the feed names the county.
      this.known.set(county.code, { ...county, name: "", county });
      for (const township of county.townships) this.known.set(township.code, { ...township, county });
    }
  }

  // A code that the registry does not name is shown as it is, never hidden.
  of(code) {
    return this.known.get(code) ?? { code, name: code, short: code, county: { name: "", short: "" } };
  }
}

export async function fetchPlaces() {
  const reply = await fetch("/api/places", { cache: "no-cache", signal: AbortSignal.timeout(5000) });
  if (!reply.ok) throw new Error(`places: ${reply.status}`);
  return new Places(await reply.text());
}
