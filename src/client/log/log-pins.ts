import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { SUITE, ZERO_ID } from '../../core/open/objects/suite.ts'
import type { Pins } from '../../ports/pin-store.ts'
import type { ClientParts } from '../client-parts.ts'

/** The pins of this home, which are of one pool, and of one that this program is not too old for. */
export class LogPins {
  readonly #parts: Pick<ClientParts, 'identity' | 'pins'>
  #pins: Pins | undefined

  constructor(parts: Pick<ClientParts, 'identity' | 'pins'>) {
    this.#parts = parts
  }

  async load(): Promise<Pins> {
    this.#pins ??= await this.update((pins) => pins)
    return this.#pins
  }

  /** Changes the pins on disk; throws UntrustedError for those of another pool, or of one that asks for more than we know. */
  async update(change: (pins: Pins) => Pins): Promise<Pins> {
    const { pool, genesis } = this.#parts.identity
    this.#pins = await this.#parts.pins.update((stored) => {
      if (stored !== undefined && !equalBytes(stored.pool, pool))
        throw new UntrustedError('the pins of this home are of another pool')
      // Objects of a lower suite than ours are none that decode: so only a program that is older than the pool can go below.
      if (stored !== undefined && stored.minimumSuite > SUITE)
        throw new UntrustedError(
          `this pool asks for suite ${stored.minimumSuite}, and this program knows suite ${SUITE}: it is too old`,
          { minimum: stored.minimumSuite, suite: SUITE },
        )
      const { minimumSuite } = genesisCodec.decode(genesis)
      return change(
        stored ?? { pool, witnesses: [], tracker: ZERO_ID, minimumSuite, contacts: [], spaces: [], own: [] },
      )
    })
    return this.#pins
  }

  /** A head of this size holds all that this device has written. */
  async ownSize(): Promise<number> {
    const { own } = await this.load()
    return Math.max(0, ...own.map(({ index }) => index + 1))
  }
}
