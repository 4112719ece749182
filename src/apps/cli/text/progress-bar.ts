/** One line on a terminal that tells what is true now; nothing where stderr is no terminal. */
import { formatBytes } from './byte-size.ts'

export interface BarState {
  /** Filled part, 0 to 1. */
  readonly part: number
  /** Bytes that count for speed and remaining time. */
  readonly done: number
  readonly total: number
  readonly text: string
}

export interface ProgressBar {
  show(state: BarState): void
  /** Removes the line. */
  end(): void
}

const REDRAW_MS = 100
const BAR_WIDTH = 20
const MIN_BAR_WIDTH = 5
/** Brackets and a space. */
const BAR_FRAME = 3
/** Speed is that of the last seconds, so that a pause shows. */
const WINDOW_MS = 5_000
/** For terminals that don't tell their width. */
const USUAL_COLUMNS = 80
const NOTHING: ProgressBar = { show: () => {}, end: () => {} }

export function createProgressBar(json: boolean): ProgressBar {
  const { stderr } = process
  if (json || stderr.isTTY !== true || process.env['TERM'] === 'dumb') return NOTHING
  const color = process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === ''
  const samples: { readonly time: number; readonly done: number }[] = []
  let last = -Infinity
  return {
    show(state) {
      const time = performance.now()
      if (time - last < REDRAW_MS) return
      last = time
      samples.push({ time, done: state.done })
      while (samples.length > 2 && samples[1]!.time < time - WINDOW_MS) samples.shift()
      const columns = (stderr.columns || USUAL_COLUMNS) - 1
      const line = barLine(state, speedOf(samples)).slice(0, columns)
      stderr.write(`\r\u001b[K${barOf(state.part, columns - line.length - BAR_FRAME, color)}${line}`)
    },
    end() {
      if (last !== -Infinity) stderr.write('\r\u001b[K')
    },
  }
}

/** Bytes a second over the samples; 0 while nothing is known. */
export function speedOf(samples: readonly { readonly time: number; readonly done: number }[]): number {
  const first = samples[0]
  const end = samples.at(-1)
  if (first === undefined || end === undefined || end.time <= first.time) return 0
  return Math.max(0, ((end.done - first.done) / (end.time - first.time)) * 1_000)
}

/** What stands behind the bar. */
export function barLine(state: BarState, speed: number): string {
  const rate =
    speed > 0 ? `, ${formatBytes(speed)}/s, ${remaining((state.total - state.done) / speed)} left` : ''
  return `${Math.floor(Math.min(1, state.part) * 100)} % ${state.text}${rate}`
}

/** A bar of at most the width that is left; none where that would be a stump. */
function barOf(part: number, room: number, color: boolean): string {
  const width = Math.min(BAR_WIDTH, room)
  if (width < MIN_BAR_WIDTH) return ''
  const bar = '='.repeat(Math.round(Math.min(1, part) * width)).padEnd(width)
  return `[${color ? `\u001b[32m${bar}\u001b[0m` : bar}] `
}

function remaining(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  if (whole < 60) return `${whole} s`
  return whole < 3_600 ? `${Math.ceil(whole / 60)} min` : `${(whole / 3_600).toFixed(1)} h`
}
