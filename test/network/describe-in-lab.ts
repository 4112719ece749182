import { describe } from 'vitest'
import { labMissing } from './lab.ts'

/** Tests that need network namespaces; where there are none (or `tools` are missing) they are skipped, and their title says why. */
export function describeInLab(what: string, tests: () => void, tools?: readonly string[]): void {
  const missing = labMissing(tools)
  describe.skipIf(missing !== undefined)(
    missing === undefined ? what : `${what} (skipped: ${missing})`,
    tests,
  )
}
