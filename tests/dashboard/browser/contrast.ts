/** How readable the texts on a page are, as WCAG 2.2 measures it (1.4.3). */
import type { Page } from "playwright-core";

/** The least contrast of a text of ordinary size. */
export const LEAST_CONTRAST = 4.5;

/** The visible texts that stand out less than that, each with its contrast. */
export async function faintTexts(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate(readTexts);
  return found.filter(({ text, colours }) => contrast(text, colours) < LEAST_CONTRAST)
    .map(({ words, text, colours }) => `${contrast(text, colours).toFixed(2)}: ${words}`);
}

interface Found {
  readonly words: string;
  readonly text: string;
  /** Backgrounds, from the text's own element outwards. */
  readonly colours: readonly string[];
}

/** Runs in the page. */
function readTexts(): Found[] {
  // deno-lint-ignore no-explicit-any
  const { document, getComputedStyle, NodeFilter } = globalThis as any;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found: Found[] = [];
  while (walker.nextNode()) {
    const { textContent, parentElement } = walker.currentNode;
    const words = textContent.trim();
    if (words === "" || !parentElement.checkVisibility()) continue;
    // WCAG leaves out what cannot be used now.
    if (parentElement.closest(":disabled") !== null) continue;
    const colours: string[] = [];
    for (let element = parentElement; element !== null; element = element.parentElement) {
      colours.push(getComputedStyle(element).backgroundColor);
    }
    found.push({ words, text: getComputedStyle(parentElement).color, colours });
  }
  return found;
}

function contrast(text: string, colours: readonly string[]): number {
  const opaque = colours.map(parse).find(([, , , alpha]) => alpha === 1) ?? [255, 255, 255, 1];
  const [lighter, darker] = [luminance(parse(text)), luminance(opaque)].sort((a, b) => b - a);
  return (lighter! + 0.05) / (darker! + 0.05);
}

function parse(colour: string): number[] {
  const [red = 0, green = 0, blue = 0, alpha = 1] = colour.match(/[\d.]+/g)?.map(Number) ?? [];
  return [red, green, blue, alpha];
}

function luminance([red = 0, green = 0, blue = 0]: readonly number[]): number {
  const linear = [red, green, blue].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
}
