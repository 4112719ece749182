/** One line of the result table. */
export interface Row {
  readonly section: string
  readonly name: string
  /** With its unit, as people read it. */
  readonly value: string
  /** What it is measured against in the same run. */
  readonly beside?: string
  /** `value` over `beside`, such that more is better where the target is a minimum. */
  readonly ratio?: string
  readonly target?: string
  readonly reached?: boolean
  readonly note?: string
}

/** A minimum or maximum and whether it holds. */
export function atLeast(value: number, minimum: number, text: string): Pick<Row, 'target' | 'reached'> {
  return { target: `≥ ${text}`, reached: value >= minimum }
}

export function atMost(value: number, maximum: number, text: string): Pick<Row, 'target' | 'reached'> {
  return { target: `≤ ${text}`, reached: value <= maximum }
}

export function perSecond(megabytes: number): string {
  return `${Math.round(megabytes).toLocaleString('en')} MB/s`
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`
}

export function times(ratio: number): string {
  return `${ratio.toFixed(2)}×`
}
