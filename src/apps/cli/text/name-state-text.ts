import type { NameOnLedger } from '../../../client/log/ledger/name-on-ledger.ts'

/** What the ledger says of a name, for people; of one's own it is known whether it was handed in. */
export function nameStateText(ledger: NameOnLedger, isClaimed?: boolean): string {
  if (ledger.state === 'registered') return `registered (asked at block ${ledger.block})`
  const handedIn =
    isClaimed === undefined
      ? ''
      : isClaimed
        ? ': claimed, the tracker relays it'
        : ': not claimed yet (`allmend ledger claim`)'
  if (ledger.state === 'absent') return `not on the ledger yet${handedIn}`
  return `not asked: ${ledger.why}${isClaimed === true ? ' (the name was claimed)' : ''}`
}
