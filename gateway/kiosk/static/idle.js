// A kiosk that nobody touches asks whether somebody is there, and then is as it was for the next one.

const QUIET_S = 60;
const ASKED_S = 20;

export function watchIdle(dialog, left, stay, { leave, tell }) {
  let quiet = 0;
  const touched = () => {
    quiet = 0;
    if (dialog.open) dialog.close();
  };
  for (const kind of ["pointerdown", "keydown", "wheel", "scroll"]) addEventListener(kind, touched, { passive: true });
  stay.addEventListener("click", touched);
  setInterval(() => {
    quiet += 1;
    if (quiet < QUIET_S) return;
    if (quiet >= QUIET_S + ASKED_S) {
      touched();
      leave();
      return;
    }
    if (!dialog.open && !tell()) {
      // It is on the first page as it is: there is nobody to be asked.
      quiet = 0;
      return;
    }
    if (!dialog.open) dialog.showModal();
    left.textContent = tell()(QUIET_S + ASKED_S - quiet);
  }, 1_000);
}
