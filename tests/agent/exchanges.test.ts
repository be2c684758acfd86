import assert from "node:assert/strict";
import { createConversations, createExchanges } from "../../src/agent/exchanges.ts";
import type { OperatorStep } from "../../src/coordination/progress.ts";

Deno.test("settle() answers the exchange that it names, once", async () => {
  const exchanges = createExchanges(1000);
  const first = exchanges.open();
  const second = exchanges.open();
  assert.notEqual(first.exchange, second.exchange);
  exchanges.settle(second.exchange, { type: "noted", term: 2 });
  exchanges.settle(second.exchange, { type: "noted", term: 9 });
  exchanges.settle(first.exchange, { type: "noted", term: 1 });
  assert.deepEqual(await first.answer, { type: "noted", term: 1 });
  assert.deepEqual(await second.answer, { type: "noted", term: 2 });
});

Deno.test("settle() ignores an exchange that nobody waits for any more", async () => {
  const exchanges = createExchanges(5);
  const { exchange } = exchanges.open();
  await new Promise((resolve) => setTimeout(resolve, 20));
  exchanges.settle(exchange, { type: "noted", term: 1 });
});

Deno.test("say() reaches the operator who asked, in order, until the outcome", async () => {
  const conversations = createConversations();
  const mine = conversations.open();
  const other = conversations.open();
  const heard: OperatorStep[] = [];
  const listening = (async () => {
    for await (const step of mine.steps) heard.push(step);
  })();
  conversations.say(mine.reference, { step: "one", outcome: "running" });
  await new Promise((resolve) => setTimeout(resolve, 1));
  conversations.say(other.reference, { step: "not mine", outcome: "running" });
  conversations.say(mine.reference, { step: "two", outcome: "running" });
  conversations.say(mine.reference, { step: "three", outcome: "succeeded" });
  conversations.say(mine.reference, { step: "late", outcome: "running" });
  await listening;
  assert.deepEqual(heard.map(({ step }) => step), ["one", "two", "three"]);
});
