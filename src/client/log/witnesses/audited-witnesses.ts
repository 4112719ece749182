/** Who witnesses, as the entries of a log say one after the other: for an audit, which has replayed each of them by the rules. */
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { peerId } from '../../../core/open/hash.ts'
import type { Witness } from '../../../core/open/log/heads/cosignature.ts'
import type { LogEntry } from '../../../core/open/log/entry.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import type { WitnessStanding } from '../../../core/open/log/heads/witness-rule.ts'
import { isCounted, witnessStanding } from '../../../core/open/log/heads/witness-rule.ts'
import { genesisCodec } from '../../../core/open/objects/identity.ts'
import { providerInviteCodec, providerRecordCodec } from '../../../core/open/objects/provider-record.ts'
import type { WitnessVote } from '../../../core/open/objects/witness-vote.ts'
import { witnessVoteCodec } from '../../../core/open/objects/witness-vote.ts'
import type { Primitives } from '../../../core/open/primitives.ts'

export class AuditedWitnesses {
  readonly #primitives: Primitives
  #admins: readonly Uint8Array[] = []
  readonly #invites = new Map<string, { readonly operator: Uint8Array; readonly member: Uint8Array }>()
  /** By provider: its invite and the key that its newest record names. */
  readonly #keys = new Map<string, { readonly invite: string; readonly key: Uint8Array }>()
  readonly #votes = new Map<string, WitnessVote>()

  constructor(primitives: Primitives) {
    this.#primitives = primitives
  }

  /** Takes in an entry that the rules have passed. */
  add({ kind, body }: LogEntry): void {
    if (kind === ENTRY_KIND.genesis) this.#admins = genesisCodec.decode(body).admins
    else if (kind === ENTRY_KIND.providerInvite) {
      const invite = providerInviteCodec.decode(body)
      this.#invites.set(toHex(invite.invite), invite)
    } else if (kind === ENTRY_KIND.witnessVote) {
      const vote = witnessVoteCodec.decode(body)
      this.#votes.set(toHex(vote.operator) + toHex(vote.member), vote)
    } else if (kind === ENTRY_KIND.providerRecord) {
      const { net, invite, witness } = providerRecordCodec.decode(body)
      const provider = toHex(peerId(this.#primitives, net))
      if (witness === undefined) this.#keys.delete(provider)
      else this.#keys.set(provider, { invite: toHex(invite), key: witness })
    }
  }

  /** Those that count now. */
  counted(): Witness[] {
    return [...this.#keys.values()].flatMap(({ invite, key }) => {
      // A record passes the rules only behind its invite.
      const { operator, member } = this.#invites.get(invite)!
      return isCounted(this.#standing(operator, member)) ? [{ operator, key }] : []
    })
  }

  /** Whether the admins have taken this operator's witnesses out. */
  isWithdrawn(operator: Uint8Array): boolean {
    return this.#standing(operator, operator) === 'withdrawn'
  }

  #standing(operator: Uint8Array, inviter: Uint8Array): WitnessStanding {
    const votes = [...this.#votes.values()].filter((vote) => equalBytes(vote.operator, operator))
    const own = votes.map(({ member, approved }) => ({ admin: member, approved }))
    return witnessStanding(this.#admins, inviter, own)
  }
}
