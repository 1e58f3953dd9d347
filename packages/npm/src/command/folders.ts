// The folders that a command line names. The component gets these, and no others.
import { statSync } from 'node:fs';
import { posix, win32 } from 'node:path';

/** A file that an option names. */
export interface NamedFile {
  /** The position of the argument that ends with the path. */
  readonly argument: number;
  readonly path: string;
  readonly access: 'read' | 'write';
}

/** A folder that is opened for the component. */
export interface Folder {
  /** Its path in this system. */
  readonly path: string;
  /** Its path in the arguments of the component. */
  readonly name: string;
  readonly isWritable: boolean;
}

/** Returns the folders of these files, each once. `platform` is that of the paths. */
export function foldersOf(files: readonly NamedFile[], platform = process.platform): Folder[] {
  const { dirname, resolve } = platform === 'win32' ? win32 : posix;
  const folders = new Map<string, Folder>();
  for (const { path, access } of files) {
    const spelled = inComponent(path, platform);
    const end = spelled.lastIndexOf('/');
    const folder = end === -1 ? '.' : spelled.slice(0, Math.max(end, 1));
    const name = folder.replace(/^(\.\/+)+(?=.)/, ''); // Folders of one name are one.
    const isWritable = access === 'write' || folders.get(name)?.isWritable === true;
    folders.set(name, { path: resolve(dirname(path)), name, isWritable });
  }
  return [...folders.values()];
}

/** Returns what is wrong with a file whose folder does not exist, or undefined. */
export function withoutFolder(files: readonly NamedFile[]): string | undefined {
  const { dirname } = process.platform === 'win32' ? win32 : posix;
  const lost = files.find(({ path }) => statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true);
  return lost && `${lost.path}: there is no folder ${dirname(lost.path)}`;
}

/** Returns the arguments with the paths in them spelled for the component. */
export function argumentsForComponent(args: readonly string[], files: readonly NamedFile[], platform = process.platform): string[] {
  const spelled = [...args];
  for (const { argument, path } of files) {
    const given = spelled[argument] ?? '';
    if (given.endsWith(path)) spelled[argument] = given.slice(0, given.length - path.length) + inComponent(path, platform);
  }
  return spelled;
}

// A path as the component expects it: `/` separates folders, also on Windows.
function inComponent(path: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? path.replaceAll('\\', '/') : path;
}
