import assert from "node:assert/strict";
import { readLcov, share } from "./lcov.ts";

const REPORT = `SF:/src/core/a.ts
FN:1,f
DA:1,4
DA:2,0
BRDA:2,1,0,3
BRDA:2,1,1,0
BRDA:5,2,0,-
LF:2
end_of_record
SF:/src/core/b.ts
end_of_record
`;

Deno.test("readLcov() counts lines and branches, and names those that were not reached", () => {
  assert.deepEqual(readLcov(REPORT), [
    {
      path: "/src/core/a.ts",
      lines: { found: 2, hit: 1, missed: [2] },
      branches: { found: 3, hit: 1, missed: [2, 5] },
    },
    {
      path: "/src/core/b.ts",
      lines: { found: 0, hit: 0, missed: [] },
      branches: { found: 0, hit: 0, missed: [] },
    },
  ]);
});

Deno.test("share() is whole where there is nothing to reach", () => {
  assert.equal(share({ found: 0, hit: 0 }), 100);
  assert.equal(share({ found: 4, hit: 3 }), 75);
});
