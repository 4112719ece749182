import type { Freshness } from '../../core/open/log/heads/quorum.ts'

/** What people should know about a witnessed view that was read, if anything. `confirmed`: when its quorum was complete, Unix seconds. */
export function viewNotice(state: Freshness, confirmed: number, isLagging: boolean): string | undefined {
  switch (state) {
    case 'fresh':
      return isLagging
        ? 'Too few witnesses are up: what was written last is proven by the log alone so far.'
        : undefined
    case 'clock':
      return "This machine's clock and the witnesses' are more than five minutes apart: what you see may be old. `allmend doctor` compares it with the tracker's."
    case 'stale':
      return `No quorum of witnesses has confirmed the log since ${new Date(confirmed * 1_000).toISOString()}: what you see may be old.`
  }
}
