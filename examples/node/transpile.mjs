// Converts the component into ECMAScript modules. Their imports of WASI come from preview2-shim.
import { transpile, writeFiles } from '@bytecodealliance/jco-transpile';

const { files } = await transpile('../../target/dist/entra-risk.wasm', {
  outDir: 'generated',
  name: 'risk',
  map: { 'entra:risk/credentials': '../build/credentials.js' },
  // The error of a `result` is thrown as the payload of an Error, so that it is not taken for a trap.
  noComponentErrorWrapping: false,
});
await writeFiles(files);
