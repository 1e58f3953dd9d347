// The parts of the package that it does not export.

/** Imports a module of the package. */
export async function part(name: string): Promise<Record<string, any>> {
  return await import(new URL(`${name}.js`, import.meta.resolve('entra-risk')).href);
}
