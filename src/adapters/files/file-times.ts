/** Seconds between doubles in the years 2004 to 2038: what Node's calls for times can tell apart. */
const STEP = 2 ** -22

/**
 * A time for Node's utimes in seconds: the nearest double within the same whole second. As text, since Node takes
 * negative numbers for now.
 */
export function timeOf(seconds: number, nanoseconds: number): string {
  const time = seconds + nanoseconds / 1e9
  return String(Math.floor(time) > seconds ? seconds + 1 - STEP : time)
}
