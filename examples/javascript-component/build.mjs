// Builds the component: `node build.mjs WIT OUTPUT`, with the folder of the world that README.md
// prepares.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';
import { _setPreopens } from '@bytecodealliance/preview2-shim/filesystem';

const [, , wit, output] = process.argv;
const witPath = resolve(wit);
// componentize-js contains a component, which reads the world. It is granted this folder only.
_setPreopens({ [witPath]: witPath });
const { component } = await componentize({
  sourcePath: 'src/caller.js',
  witPath,
  worldName: 'caller',
  disableFeatures: ['random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(output, component);
