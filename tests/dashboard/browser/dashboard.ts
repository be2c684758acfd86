/**
 * The dashboard in a real browser: `deno task dashboard:test`. It needs Chromium, which is why it
 * is no part of `deno task test`; what needs no browser is tested there.
 */
import assert from "node:assert/strict";
import { mergeStatuses } from "../../../src/coordination/merge.ts";
import { SECRET } from "../../coordination/support.ts";
import { picture, standby, STATUS } from "../support.ts";
import { DESKTOP, type Opened, PHONE, type Screen, startBrowser } from "./chromium.ts";
import { faintTexts } from "./contrast.ts";
import { PRIMARY, READ_TOKEN, startWorld, type World } from "./world.ts";

interface Case extends Opened {
  readonly world: World;
}

interface Step {
  readonly name: string;
  readonly screen: Screen;
  readonly body: (at: Case) => Promise<void>;
  readonly options: Parameters<typeof startWorld>[0];
}

const steps: Step[] = [];

function test(
  name: string,
  screen: Screen,
  body: (at: Case) => Promise<void>,
  options: Step["options"] = {},
): void {
  steps.push({ name, screen, body, options });
}

test("the page shows who is primary, since when, and the tree", DESKTOP, async (at) => {
  const { page, complaints } = at;
  await page.getByText("node1 takes writes").waitFor();
  await page.getByText("primary of term 3 since 2026-01-01").waitFor();
  assert.equal(await page.locator(".root .card.primary h3").innerText(), "node1 Primary");
  assert.equal(await page.locator(".branches .streams").count(), 1);
  assert.equal(await page.locator(".branches .broken").count(), 1);
  assert.equal(await page.locator(".chart").count(), 4);
  assert.match(await page.title(), /^node1 – test/);
  assert.match(
    await page.locator(".chart svg[role=img]").first().getAttribute("aria-label") ?? "",
    /^Replication lag in the last hour: node2 now .* at most/,
  );
  await page.locator(".history strong", { hasText: "node2 → node1" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("the page follows a failover, live", DESKTOP, async ({ page, world, complaints }) => {
  await page.getByText("node1 takes writes").waitFor();
  const candidate = standby("node2", { role: "candidate", has_majority: false, leader: null });
  world.show(mergeStatuses([
    { node: "node1", ok: false, because: "it refuses connections" },
    { node: "node2", ok: true, status: candidate, verified: true },
  ]));
  await page.getByText("Nobody takes writes").waitFor();
  await page.getByText("node1 does not answer: it refuses connections.").waitFor();
  assert.equal(await page.locator(".card.none").innerText(), "no primary");
  assert.equal(await page.locator("#actions button").count(), 0);
  world.show(picture({ ...STATUS, node: "node2", leader: "node2", term: 4 }));
  await page.getByText("node2 takes writes").waitFor();
  const elsewhere = page.getByRole("link", { name: "Switch over on node2's page" });
  assert.equal(await elsewhere.getAttribute("href"), "http://10.0.0.2:8080/dashboard");
  assert.deepEqual(complaints, []);
});

test("the page says when it is cut off, and comes back", DESKTOP, async ({ page, world }) => {
  await page.getByText("live, as node1 sees it").waitFor();
  const { port } = new URL(world.url);
  await world.stop();
  await page.getByText(/^not connected: .*what stands here is from/).waitFor();
  assert.equal(await page.evaluate("document.body.classList.contains('lost')"), true);
  assert.equal(await page.locator(".card").count() > 0, true);
  const again = startWorld({ port: Number(port) });
  try {
    await page.getByText("live, as node1 sees it").waitFor();
  } finally {
    await again.stop();
  }
});

test("a text from a server stays a text", DESKTOP, async ({ page, world, complaints }) => {
  const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  world.show(mergeStatuses([
    {
      node: "node1",
      ok: true,
      status: { ...PRIMARY, version: evil, durability: evil, record: null, problems: [evil] },
      verified: true,
    },
    { node: evil, ok: false, because: evil },
  ]));
  await page.locator(".problems li", { hasText: "<script>" }).first().waitFor();
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.match(await page.title(), /^node1 – test/);
  assert.deepEqual(complaints, []);
});

test("markup out of a text is refused by the page's policy", DESKTOP, async ({ page }) => {
  const refused = await page.evaluate(`(() => {
    try { document.body.innerHTML = "<b>x</b>"; return false; } catch { return true; }
  })()`);
  assert.equal(refused, true);
});

test("a switchover by keyboard alone: secret, confirmation, steps", DESKTOP, async (at) => {
  const { page, world } = at;
  const sent: string[] = [];
  page.on("request", (request) => {
    const headers = JSON.stringify(request.headers());
    sent.push(`${request.url()} ${headers} ${request.postData()}`);
  });
  await page.locator("#switch-over").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Switch over" }).waitFor();
  assert.equal(await page.evaluate("document.activeElement.id"), "switchover-to");
  assert.deepEqual(await page.locator("#switchover-to option:disabled").allInnerTexts(), [
    "node3: it does not stream",
  ]);
  await page.keyboard.press("Tab");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Tab");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The secret does not fit.").waitFor();
  assert.equal(await page.locator("#switchover-secret").inputValue(), "");
  assert.equal(await page.evaluate("document.activeElement.id"), "switchover-secret");
  await page.keyboard.type(SECRET);
  await page.keyboard.press("Enter");
  await page.getByText("node1 hands over to node2.").waitFor();
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Cancel");
  assert.deepEqual(world.wishes, [], "nothing is asked before it is confirmed");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Done: node2 is the primary.").waitFor();
  await page.getByText("node2 has received all of it").waitFor();
  assert.deepEqual(world.wishes.map(({ to, force }) => [to, force]), [["node2", "none"]]);
  assert.ok(
    sent.some((text) => text.includes("/operator/failover?by=Ada&tool=dashboard")),
    "the name that was typed goes with the request",
  );
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(sent.some((text) => text.includes(SECRET)), false);
  const kept = await page.evaluate(
    "JSON.stringify([localStorage, sessionStorage, document.cookie, document.documentElement.outerHTML])",
  );
  assert.equal(String(kept).includes(SECRET), false);
});

test(
  "a page that is not open asks for a credential, and the secret is not sent",
  DESKTOP,
  async (at) => {
    const { page } = at;
    const sent: string[] = [];
    page.on("request", (request) => void sent.push(JSON.stringify(request.headers())));
    await page.getByRole("heading", { name: "This page is not open to you" }).waitFor();
    assert.equal(await page.evaluate("document.activeElement.id"), "unlock-credential");
    await page.selectOption("#unlock-kind", "secret");
    await page.fill("#unlock-credential", "wrong, and long enough");
    await page.keyboard.press("Enter");
    await page.getByText("the signature of @operator does not fit").waitFor();
    await page.selectOption("#unlock-kind", "secret");
    await page.fill("#unlock-credential", SECRET);
    await page.keyboard.press("Enter");
    await page.getByText("node1 takes writes").waitFor();
    assert.equal(await page.locator("#unlock form").count(), 0);
    assert.equal(sent.some((text) => text.includes(SECRET)), false);
  },
  { open: false },
);

test("Escape leaves the dialog, and nothing is asked", DESKTOP, async ({ page, world }) => {
  await page.locator("#switch-over").click();
  await page.fill("#switchover-secret", SECRET);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await page.locator("#switchover-secret").count(), 0);
  assert.deepEqual(world.wishes, []);
});

test("a reader's token opens the page, and a wrong one does not", DESKTOP, async (at) => {
  const { page } = at;
  await page.getByRole("heading", { name: "This page is not open to you" }).waitFor();
  assert.equal(await page.locator("#unlock-kind").inputValue(), "token");
  await page.fill("#unlock-credential", "a wrong token");
  await page.keyboard.press("Enter");
  // The form comes back, empty, with what the node said.
  await page.locator("#unlock [role=alert]").filter({ hasText: /token/ }).waitFor();
  assert.equal(await page.locator("#unlock-credential").inputValue(), "");
  await page.fill("#unlock-credential", READ_TOKEN);
  await page.keyboard.press("Enter");
  await page.getByText("node1 takes writes").waitFor();
  assert.equal(await page.locator("#unlock form").count(), 0);
  const kept = await page.evaluate(
    "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])",
  );
  assert.equal(String(kept).includes(READ_TOKEN), false);
}, { open: false });

const hosts = Deno.networkInterfaces()
  .filter(({ family, address }) => family === "IPv4" && !address.startsWith("127."));

if (hosts[0] !== undefined) {
  test("over plain HTTP from another host no secret is asked for", DESKTOP, async ({ page }) => {
    await page.locator("#switch-over").click();
    await page.getByText("This page came over plain HTTP from another host").waitFor();
    await page.getByText(/^ssh -L/).waitFor();
    assert.equal(await page.locator("input").count(), 0);
  }, { host: hosts[0].address });
}

for (const [name, screen] of Object.entries({ DESKTOP, PHONE })) {
  for (const scheme of ["light", "dark"] as const) {
    test(`every text stands out: ${name}, ${scheme}`, { ...screen, scheme }, async ({ page }) => {
      await page.locator(".history strong").first().waitFor();
      assert.deepEqual(await faintTexts(page), []);
      await page.locator("#switch-over").click();
      assert.deepEqual(await faintTexts(page), []);
    });
  }
}

test("the page fits on a phone, and can be used there", PHONE, async ({ page }) => {
  await page.locator(".history strong").first().waitFor();
  const [content, window] = await page.evaluate<[number, number]>(
    "[document.documentElement.scrollWidth, innerWidth]",
  );
  assert.ok(content <= window, `the page is ${content} wide on a screen of ${window}`);
  const small = await page.evaluate<string[]>(`
    [...document.querySelectorAll("button, .button, select, input")]
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 40)
      .map((one) => one.outerHTML)
  `);
  assert.deepEqual(small, []);
  await page.locator("#switch-over").click();
  const box = await page.getByRole("dialog").boundingBox();
  assert.ok(box !== null && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
});

test("the theme is chosen by a button, and remembered", DESKTOP, async ({ page }) => {
  const scheme = () => page.evaluate("getComputedStyle(document.documentElement).colorScheme");
  assert.equal(await scheme(), "light dark");
  await page.getByRole("button", { name: "Theme: auto" }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  assert.equal(await scheme(), "dark");
  await page.reload();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  assert.equal(await scheme(), "dark");
});

test("what does not change is not drawn again", DESKTOP, async ({ page }) => {
  await page.locator(".history strong").first().waitFor();
  await page.evaluate("document.querySelector('.card').dataset.mark = 'kept'");
  // As many pictures as a second viewer gets, the page got too.
  await page.evaluate(`fetch("/dashboard/events").then(async ({ body }) => {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let pictures = 0; pictures < 4;) {
      pictures += (await reader.read()).value.split("event: cluster").length - 1;
    }
    await reader.cancel();
  })`);
  assert.equal(await page.locator(".card[data-mark=kept]").count(), 1);
});

Deno.test("the dashboard in a browser", async (t) => {
  const browser = await startBrowser();
  try {
    for (const { name, screen, body, options } of steps) {
      await t.step(name, async () => {
        const world = startWorld(options);
        try {
          await browser.withPage(world.url, screen, async (opened) => {
            await opened.page.waitForSelector(".card, form");
            await body({ world, ...opened });
          });
        } finally {
          await world.stop();
        }
      });
    }
  } finally {
    await browser.close();
  }
});
