import { MalformedError, UsageError } from '../../core/open/errors.ts'
import { checkMemberName } from '../../core/open/objects/identity.ts'

/** What a person typed as a member's name; UsageError for what can't be one. */
export function memberName(typed: string): string {
  try {
    checkMemberName(typed)
    return typed
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new UsageError(
      `${JSON.stringify(typed)} can't be a member's name: 3 to 32 of a-z, 0-9 and hyphens`,
      {},
      { cause },
    )
  }
}
