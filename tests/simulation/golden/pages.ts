/**
 * The stories and the tables as pages of docs/protocol.
 */
import { STORIES } from "./stories.ts";
import { type Story, tellStory } from "./stage.ts";
import { tablesPage } from "./tables.ts";

/** Every page by its file name. */
export function protocolPages(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", indexPage()],
    ["decisions.md", tablesPage()],
    ...STORIES.map((story): [string, string] => [`${story.id}.md`, storyPage(story)]),
  ]);
}

function indexPage(): string {
  const lines = STORIES.map(({ id, title, lesson }) =>
    wrap(`- [${title}](${id}.md). ${lesson}`, "  ")
  );
  return `# The protocol in stories

Each page is the transcript of a short run of the simulator, made by \`deno task docs\`; a test fails
where one is not what the code does today. The rules behind them are in
[consensus.md](../consensus.md).

Times are in seconds since the story began; a message stands where it arrives, or is lost. Heartbeats
that say nothing new are left out, and so are clients, who write a row every 200 ms. The lease is 3 s,
the margin of a promise 0.5 s, the heartbeat interval 0.5 s.

| sign | meaning                                   |
| ---- | ----------------------------------------- |
| ⚡   | what the world does                       |
| →    | a message to another member               |
| ·    | a decision of the core, as the log has it |
| ▪    | PostgreSQL                                |
| ?    | an operator, and what is answered         |

What a node does with its own PostgreSQL while it does not lead is a [table](decisions.md).

${lines.join("\n")}
`;
}

function storyPage(story: Story): string {
  return `# ${story.title}

${wrap(story.lesson)}

\`\`\`text
${tellStory(story).join("\n")}
\`\`\`
`;
}

/** Breaks a paragraph into lines of at most 100 characters; all but the first are indented. */
function wrap(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > 100) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join("\n");
}
