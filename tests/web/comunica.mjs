// Asks Comunica what standard input says, a JSON list of {query, sources, files}, and writes what it answered, a JSON list
// of {kind, content, asked} or {error}: tables as JSON results, graphs as N-Triples. `files` are Turtle files to join with the
// sources, `asked` the addresses that Comunica called. It runs in the folder that Comunica is installed in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { QueryEngine } = createRequire(`${process.cwd()}/`)("@comunica/query-sparql");
const engine = new QueryEngine();

async function ask({ query, sources, files }) {
  const asked = [];
  const local = files.map((path) => ({
    type: "serialized", value: readFileSync(path, "utf8"), mediaType: "text/turtle", baseIRI: `file://${path}`,
  }));
  const counting = (address, options) => {
    asked.push(String(address.url ?? address));
    return fetch(address, options);
  };
  try {
    const result = await engine.query(query, { sources: [...sources, ...local], fetch: counting });
    const kind = result.resultType;
    const { data } = await engine.resultToString(
      result, kind === "quads" ? "application/n-triples" : "application/sparql-results+json",
    );
    let content = "";
    for await (const piece of data) content += piece;
    return { kind, content, asked };
  } catch (error) {
    return { error: String(error.message ?? error), asked };
  }
}

const answers = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) answers.push(await ask(one));
process.stdout.write(JSON.stringify(answers));
