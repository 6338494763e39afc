// The two clocks of a carrier, in whole ms, within what the city takes: however far off, they hold up no rating.

const MOST_MONO = 315_576_000_000;
const MOST_DATE = 100_000_000_000_000;

// The page's own, from its load on.
export const mono = () => Math.min(Math.round(performance.now()), MOST_MONO);
// The wall clock.
export const date = () => Math.min(Math.max(0, Date.now()), MOST_DATE);
