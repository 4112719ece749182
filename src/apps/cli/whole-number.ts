import { InvalidArgumentError } from 'commander'

/** A whole number from 0 as an option's value; commander tells which option was wrong. */
export function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number from 0.')
  return value
}
