/** Debian's Chromium, headless, with a profile of its own that is gone afterwards. */
import { chromium, type Page } from "playwright-core";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where Chromium is; null where it is not installed. */
function findChromium(): string | null {
  return CANDIDATES.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  }) ?? null;
}

/** How the browser shows itself to the page. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
}

export const DESKTOP: Screen = { width: 1280, height: 900, scheme: "light" };
export const PHONE: Screen = { width: 390, height: 844, scheme: "dark" };

/** A page, and everything that the browser complained about. */
export interface Opened {
  readonly page: Page;
  readonly complaints: string[];
}

/** A browser that opens pages, each in a context of its own. */
export interface TestBrowser {
  readonly withPage: (
    url: string,
    screen: Screen,
    use: (opened: Opened) => Promise<void>,
  ) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts Chromium. @throws {Error} where it is not installed */
export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = findChromium();
  if (executablePath === null) {
    throw new Error(
      "Cannot test the dashboard: Chromium is needed. apt-get install -y chromium brings it.",
    );
  }
  // playwright-core makes a new user-data-dir, and removes it.
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  return {
    close: () => browser.close(),
    async withPage(url, { width, height, scheme }, use) {
      const viewport = { width, height };
      const context = await browser.newContext({ viewport, colorScheme: scheme });
      try {
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => {
          if (["error", "warning"].includes(message.type())) complaints.push(message.text());
        });
        page.on("pageerror", (error) => void complaints.push(error.message));
        await page.goto(url);
        await use({ page, complaints });
      } finally {
        await context.close();
      }
    },
  };
}
