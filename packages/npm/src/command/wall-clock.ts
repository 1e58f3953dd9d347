// What the command imports of wasi:clocks/wall-clock, for jco.

/** `wasi:clocks/wall-clock.now` */
export function now(): { readonly seconds: bigint; readonly nanoseconds: number } {
  const milliseconds = Date.now();
  return { seconds: BigInt(Math.floor(milliseconds / 1000)), nanoseconds: (milliseconds % 1000) * 1_000_000 };
}
