import { MalformedError } from '../../core/open/errors.ts'

/** Less is no step worth a frame, unless it is the rest. */
const MIN_GRANT_BYTES = 1024

/**
 * The bytes of a body that are granted with this grant (`upTo`; undefined for all) after `granted` of its `length`. Throws MalformedError unless
 * they are more by a step, and no more than there are.
 */
export function nextGrant(id: number, granted: number, upTo: number | undefined, length: number): number {
  const next = upTo ?? length
  const isTooLittle = next < length && next - granted < MIN_GRANT_BYTES
  if (next <= granted || next > length || isTooLittle)
    throw new MalformedError('a grant for what needs none', { id, granted: next })
  return next
}
