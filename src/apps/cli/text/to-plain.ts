import { toHex } from '../../../core/open/bytes.ts'
import { AllmendError } from '../../../core/open/errors.ts'

/** A value for JSON: byte strings as hexadecimal, errors as code, message and facts. */
export function toPlain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (value instanceof AllmendError) {
    const { code, message, facts } = value
    return { code, message, facts: toPlain(facts) }
  }
  if (value instanceof Error) return { code: 'internal', message: value.message, facts: {} }
  if (Array.isArray(value)) return value.map(toPlain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toPlain(item)]))
}
