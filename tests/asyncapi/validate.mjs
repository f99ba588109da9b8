// Check an AsyncAPI document, with all files that it refers to: node validate.mjs FILE
import { Parser, fromFile } from "@asyncapi/parser";

const parser = new Parser();
const { document, diagnostics } = await fromFile(parser, process.argv[2]).parse();
const errors = diagnostics.filter(({ severity }) => severity === 0);
for (const { message, path } of errors) {
  console.error(`${path.join(".")}: ${message}`);
}
if (document === undefined || errors.length > 0) {
  process.exit(1);
}
const messages = document.allMessages().all().length;
console.log(`AsyncAPI ${document.version()}: ${document.allChannels().all().length} channels, ${messages} messages`);
