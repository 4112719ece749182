import { expect, test } from 'vitest'
import { viewNotice } from './view-notice.ts'

test('a wrong clock isn’t taken for witnesses that are silent', () => {
  expect(viewNotice('fresh', 0, false)).toBeUndefined()
  expect(viewNotice('fresh', 0, true)).toMatch(/^Too few witnesses are up/)
  expect(viewNotice('clock', 0, false)).toMatch(/clock.*`allmend doctor`/)
  expect(viewNotice('stale', 1_800_000_000, true)).toMatch(/^No quorum .* since 2027-01-15T08:00:00\.000Z/)
})
