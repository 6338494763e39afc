// What a carrier keeps of one window, in IndexedDB: who it is, its epoch, and the rows that the city does not hold yet.
//
// A number is given in the transaction that stores its row, from 1 without gaps. Only what the city holds is deleted.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const EPOCH_LENGTH = 10;
const SECRET_LENGTH = 43;

export const newSecret = () => letters(SECRET_LENGTH);

export class Outbox {
  #database;

  // `run`: how often this page was loaded here, this time included.
  constructor(database, run) {
    this.#database = database;
    this.run = run;
  }

  // `lost()` is called where the browser takes the database away while the page is open.
  static async open(name, lost) {
    const opening = indexedDB.open(`manyi ${name}`, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("facts");
      opening.result.createObjectStore("rows", { keyPath: "number" });
    };
    const database = await done(opening);
    database.onclose = lost;
    // A newer page needs another shape.
    database.onversionchange = () => {
      database.close();
      lost();
    };
    const run = await changed(database, async (facts) => {
      const next = ((await done(facts.get("run"))) ?? 0) + 1;
      facts.put(next, "run");
      return next;
    });
    return new Outbox(database, run);
  }

  // What was put under `name`, undefined before.
  fact(name) {
    return done(this.#database.transaction("facts").objectStore("facts").get(name));
  }

  put(name, value) {
    return changed(this.#database, async (facts) => void facts.put(value, name));
  }

  count() {
    return done(this.#database.transaction("rows").objectStore("rows").count());
  }

  // Keep a row of this run; it is on disk under its number when this is done, and the fact `made` it was made of is gone.
  add(row, made) {
    return changed(this.#database, async (facts, rows) => {
      const stream = (await done(facts.get("stream"))) ?? begun();
      stream.last += 1;
      facts.put(stream, "stream");
      rows.add({ number: stream.last, row: [this.run, ...row] });
      if (made !== undefined) facts.delete(made);
      return stream.last;
    });
  }

  // The oldest rows, at most so many: the epoch, the number of the first, and the rows.
  async oldest(most) {
    return changed(this.#database, async (facts, rows) => {
      let stream = await done(facts.get("stream"));
      if (stream === undefined) {
        stream = begun();
        facts.put(stream, "stream");
      }
      const found = await done(rows.getAll(null, most));
      return { epoch: stream.epoch, first: found[0]?.number ?? stream.last + 1, rows: found.map((one) => one.row) };
    });
  }

  // The city holds numbers of `epoch` up to `held`.
  confirm(epoch, held) {
    return changed(this.#database, async (facts, rows) => {
      if ((await done(facts.get("stream")))?.epoch === epoch) rows.delete(IDBKeyRange.upperBound(held));
    });
  }

  // The city holds numbers of `epoch` up to `held` and will take no more of it: give the rest anew in an epoch of its own.
  renew(epoch, held) {
    return changed(this.#database, async (facts, rows) => {
      if ((await done(facts.get("stream")))?.epoch !== epoch) return;
      const rest = await done(rows.getAll(IDBKeyRange.lowerBound(held, true)));
      const stream = begun();
      rows.clear();
      for (const { row } of rest) rows.add({ number: (stream.last += 1), row });
      facts.put(stream, "stream");
    });
  }
}

function begun() {
  return { epoch: letters(EPOCH_LENGTH), last: 0 };
}

function letters(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => LETTERS[byte & 63]).join("");
}

// Run `change` in one transaction on both stores, and wait until its result is on the disk.
async function changed(database, change) {
  const transaction = database.transaction(["facts", "rows"], "readwrite", { durability: "strict" });
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new DOMException("it was not stored", "AbortError"));
  });
  // Whoever waits for `change` hears of it there; here nobody is to miss it.
  ended.catch(() => {});
  let result;
  try {
    result = await change(transaction.objectStore("facts"), transaction.objectStore("rows"));
  } catch (bad) {
    try {
      transaction.abort();
    } catch {
      // It has ended already.
    }
    throw bad;
  }
  await ended;
  return result;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
