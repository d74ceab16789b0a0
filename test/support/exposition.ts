// Reads the Prometheus text format, as far as tests need it.

/** `name{labels}` to value, in the order of the text. */
export function parseMetrics(text: string): Map<string, number> {
  const series = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^([a-z0-9_]+(?:\{.*\})?) (\S+)$/.exec(line)
    if (match !== null) series.set(match[1] as string, match[2] === '+Inf' ? Infinity : Number(match[2]))
  }
  return series
}

/** Names of metrics with their types, as the `# TYPE` lines say. */
export function parseTypes(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name as string, type as string]),
  )
}
