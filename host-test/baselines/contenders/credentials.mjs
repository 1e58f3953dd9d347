// The import `entra:risk/credentials`: caches its token, and returns a fresh one if the plugin asks for it.
let token = 1;

export function getToken({ refresh }) {
  if (refresh) token += 1;
  return { tag: 'bearer', val: `token-${token}` };
}
