import { AllmendError } from '../../core/open/errors.ts'
import { checkName } from '../paths.ts'

/** Marks a failure of the member's own file, which is told while the others go on. */
export class LocalFailure extends Error {
  readonly reason: AllmendError

  constructor(reason: AllmendError) {
    super(reason.message, { cause: reason })
    this.reason = reason
  }
}

/** Refuses a local name that the pool can't hold. */
export function checkLocalName(name: string): void {
  try {
    checkName(name)
  } catch (error) {
    localFailure(error)
  }
}

/** Throws a typed error again as a failure of this file alone; anything else as it is. */
export function localFailure(error: unknown): never {
  throw error instanceof AllmendError ? new LocalFailure(error) : error
}
