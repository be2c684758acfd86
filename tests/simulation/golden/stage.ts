/**
 * Stories: short scripts whose transcripts are pages of docs/protocol.
 */
import { createStage, openStage, type Script } from "../stage.ts";
import { createTranscript, lineText } from "../transcript.ts";

export type { Stage } from "../stage.ts";

/** One story of docs/protocol; its id is the name of its page. */
export interface Story extends Script {
  readonly title: string;
  /** What a reader should learn from it. */
  readonly lesson: string;
}

/** A story's transcript, line by line. @throws where an invariant breaks or the story gets stuck */
export function tellStory(story: Story): string[] {
  const transcript = createTranscript();
  const stage = createStage(story);
  openStage(stage, story);
  stage.world.trace = transcript.take;
  story.play(stage);
  const startMs = transcript.lines[0]?.atMs ?? 0;
  return transcript.lines.map((line) =>
    lineText({ ...line, atMs: line.atMs - startMs }).slice(3).trimEnd()
  );
}
