// One source, two builds: the relaxed instruction is a single pshufb on x86, where the plain one costs a second
// instruction that clears lanes with an index above 15. Our indices are nibbles, so both give the same result.
// @ts-ignore: decorator
@inline
export function lookup(table: v128, nibbles: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_swizzle(table, nibbles)
  return v128.swizzle(table, nibbles)
}
