/** `1.5 GB`: three digits at most, decimal units. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5 || unit === 'TB') return `${round(value, unit === 'B')} ${unit}`
    value /= 1_000
  }
  return `${bytes} B`
}

function round(value: number, whole: boolean): string {
  if (whole || value >= 99.95) return value.toFixed(0)
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}
