import { UsageError } from '../../core/open/errors.ts'
import type { MemberView } from '../../core/open/protocol/tracker-methods.ts'
import type { TrackerState } from '../tracker-state.ts'

const WAITS = 0
const IS_MEMBER = 1

/** A member by id or by name, or a newcomer by id. Open to all: records are public and prove themselves. */
export function resolveMember(
  state: TrackerState,
  { id, name }: { readonly id?: Uint8Array | undefined; readonly name?: string | undefined },
): { member: MemberView | undefined } {
  if ((id === undefined) === (name === undefined)) throw new UsageError('give either an id or a name')
  return state.store.read(({ members }) => {
    const member = id === undefined ? members.memberNamed(name ?? '') : members.member(id)
    if (member !== undefined) {
      const certificates = members.devicesOf(member.id).map(({ certificate }) => certificate)
      return { member: { record: member.record, certificates, state: IS_MEMBER } }
    }
    const waiting = id === undefined ? undefined : members.waiting(id)[0]
    if (waiting === undefined) return { member: undefined }
    return { member: { record: waiting.record, certificates: [waiting.certificate], state: WAITS } }
  })
}
