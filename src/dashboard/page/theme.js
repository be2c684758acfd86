/**
 * Light, dark, or as the system has it: a button that goes round, and a choice that is remembered.
 *
 * @module
 */

const CHOICES = ["auto", "light", "dark"];
const KEY = "metako-theme";

/** Makes the button work. @param {HTMLButtonElement} button */
export function offerThemes(button) {
  const use = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
  };
  let choice = remembered();
  use(choice);
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    use(choice);
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // A browser that stores nothing forgets the choice.
    }
  });
}

function remembered() {
  try {
    const choice = localStorage.getItem(KEY) ?? "auto";
    return CHOICES.includes(choice) ? choice : "auto";
  } catch {
    return "auto";
  }
}
