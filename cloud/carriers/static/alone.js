// One page of a carrier at a time. Two would keep rows of two runs at once, and a row of the one is not older than the
// other, by which the city tells when it was pressed at the latest.

const LATE_MS = 1_000;

// Done once no other page `name` is open in this browser, and then none is until this one is closed. `wait()` is called
// where that takes longer than a reload. A browser without locks goes without.
export function alone(name, wait) {
  if (navigator.locks === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const late = setTimeout(wait, LATE_MS);
    const held = navigator.locks.request(`manyi ${name}`, () => {
      clearTimeout(late);
      resolve();
      return new Promise(() => {});
    });
    held.catch(reject);
  });
}
