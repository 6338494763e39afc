// The board as this page holds it: one snapshot with the diffs since merged into it. Pure.
// An id is "boot-number"; within one boot the numbers of diffs follow each other without a gap.

const parted = (id) => {
  const at = id.lastIndexOf("-");
  return [id.slice(0, at), Number(id.slice(at + 1))];
};

export class Board {
  picture = null;
  boot = null;
  number = -1;

  // A whole picture. An older one of the same boot (a slow reply overtaken by the stream) is left.
  take(picture) {
    const [boot, number] = parted(picture.id);
    if (boot === this.boot && number < this.number) return;
    if (!picture.townships || !picture.counties || !picture.city) throw new Error("no whole picture");
    this.picture = picture;
    [this.boot, this.number] = [boot, number];
  }

  // Returns false when the diff does not follow on what is held: then only a whole picture helps.
  merge(diff) {
    const [boot, number] = parted(diff.id);
    if (!this.picture || boot !== this.boot || number > this.number + 1) return false;
    if (number <= this.number) return true;
    const { townships, counties, ...rest } = diff;
    Object.assign(this.picture.townships, townships);
    Object.assign(this.picture.counties, counties);
    Object.assign(this.picture, rest);
    this.number = number;
    return true;
  }

  // Does somebody who is at `id` know more than this page?
  behind(id) {
    const [boot, number] = parted(id);
    return boot !== this.boot || number > this.number;
  }
}
