// Converts the plugin into ECMAScript modules whose imports are this package's own:
// `node transpile.mjs COMPONENT FOLDER`.
import { transpile, writeFiles } from '@bytecodealliance/jco-transpile';

const [, , component, outDir] = process.argv;
const { files } = await transpile(component, {
  outDir,
  name: 'entra-risk',
  minify: true,
  wasiShim: false,
  // The error of a `result` is thrown as the payload of an Error, so that it is not taken for a trap.
  noComponentErrorWrapping: false,
  map: {
    'entra:risk/credentials': '../get-token.js',
    'wasi:clocks/*': '../wasi-io.js',
    'wasi:http/*': '../wasi-http.js',
    'wasi:io/*': '../wasi-io.js',
    'wasi:random/*': '../wasi-io.js',
  },
});
await writeFiles(files);
