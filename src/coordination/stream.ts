/**
 * Answers an operator's request step by step, while it is carried out.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import type { Caller } from "./authenticate.ts";
import { encodeLine, type OperatorStep } from "./progress.ts";
import { type ApiContext, askerOf, COMMON } from "./reply.ts";

/**
 * Streams the steps as signed lines. If the client goes away the steps are no longer read; what was
 * started is not undone by that. A source that throws ends the answer with the step "failed".
 */
export function streamSteps(
  c: ApiContext,
  { envelope, keys }: Caller,
  steps: AsyncIterable<OperatorStep>,
  ports: { readonly nowMs: () => number; readonly log: Log },
): Response {
  const asked = askerOf(c);
  const startedAtMs = ports.nowMs();
  const iterator = steps[Symbol.asyncIterator]();
  let index = 0;
  const line = (step: OperatorStep) => {
    const elapsedMs = ports.nowMs() - startedAtMs;
    return new TextEncoder().encode(encodeLine(keys, envelope, index++, { ...step, elapsedMs }));
  };
  const conclude = (controller: ReadableStreamDefaultController, step: OperatorStep) => {
    const level = step.outcome === "succeeded" ? "info" : "warning";
    const { outcome, step: because } = step;
    ports.log(level, "operator_request", {
      outcome,
      because,
      ...asked,
      elapsed_ms: Math.round(ports.nowMs() - startedAtMs),
    });
    controller.enqueue(line(step));
    controller.close();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let next: IteratorResult<OperatorStep>;
      try {
        next = await iterator.next();
      } catch (error) {
        const because = error instanceof Error ? error.message : String(error);
        return conclude(controller, { step: because, outcome: "failed" });
      }
      if (next.done) {
        const step = "the agent stopped before the outcome was known";
        return conclude(controller, { step, outcome: "failed" });
      }
      if (next.value.outcome === "running") {
        controller.enqueue(line(next.value));
        return;
      }
      conclude(controller, next.value);
      await iterator.return?.();
    },
    async cancel() {
      ports.log("warning", "operator_request", {
        outcome: "noted",
        because: "the operator's connection closed before the outcome was known",
        ...asked,
      });
      await iterator.return?.();
    },
  });
  return new Response(body, {
    status: 200,
    headers: { ...COMMON, "content-type": "application/x-ndjson" },
  });
}
