// Converts a component into ECMAScript modules whose imports are this package's own:
// `node transpile.mjs COMPONENT NAME FOLDER`, where the folder is in that of the modules.
import { transpile, writeFiles } from '@bytecodealliance/jco-transpile';

const [, , component, name, outDir] = process.argv;
const { files } = await transpile(component, {
  outDir,
  name,
  minify: true,
  wasiShim: false,
  // The error of a `result` is thrown as the payload of an Error, so that it is not taken for a trap.
  noComponentErrorWrapping: false,
  map: {
    'entra:risk/credentials': '../get-token.js',
    'wasi:cli/*': '../command/wasi-cli.js',
    'wasi:clocks/monotonic-clock': '../wasi-io.js',
    'wasi:clocks/wall-clock': '../command/wall-clock.js',
    'wasi:filesystem/*': '../command/wasi-filesystem.js',
    'wasi:http/*': '../wasi-http.js',
    'wasi:io/*': '../wasi-io.js',
    'wasi:random/*': '../wasi-io.js',
  },
});
await writeFiles(files);
