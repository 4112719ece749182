import { InvalidArgumentError } from 'commander'

/** A whole number from 0 as an option's value; commander tells which option was wrong. */
export function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number from 0.')
  return value
}

/** A whole number from 1. */
export function countingNumber(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}
