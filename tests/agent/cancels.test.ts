import assert from "node:assert/strict";
import { cancelElsewhere, cancelHere } from "../../src/agent/cancels.ts";
import type { CancelWish } from "../../src/coordination/cancel_route.ts";
import { newCancelKey } from "../../src/router/cancel_key.ts";
import type { BackendKey } from "../../src/wire/startup.ts";

Deno.test("cancelElsewhere() asks the member whose key it is, and no other", async () => {
  const asked: string[] = [];
  const wishes: CancelWish[] = [];
  const cancel = cancelElsewhere(["node1", "node2", "node3"], {
    cancel(to, wish) {
      asked.push(to);
      wishes.push(wish);
      return Promise.resolve(true);
    },
  });
  const key = newCancelKey("node2", 2);
  assert.equal(await cancel(key), true);
  assert.deepEqual(asked, ["node2"]);
  assert.equal(await cancel(newCancelKey("node4", 0)), false);
  assert.equal(asked.length, 1);

  const received: BackendKey[] = [];
  const here = cancelHere(() => ({
    cancel(arrived) {
      received.push(arrived);
      return Promise.resolve(true);
    },
  }));
  assert.equal(await here(wishes[0]!), true);
  assert.deepEqual(received, [key], "the key arrives as it was sent");
  assert.equal(await cancelHere(() => null)(wishes[0]!), false, "before the router is there");
});
