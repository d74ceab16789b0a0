// The curves of a soak as SVG, readable on light and dark pages: a panel for each subject.
import { inUnit, namesIn, pointsOf, type Subject, subjects } from './curves.ts'
import type { Sample } from './samples.ts'

const width = 890
const panelHeight = 150
const plotTop = 26
const plotHeight = 92
const left = 64
const plotWidth = width - left - 190
const colours = ['#0969da', '#cf222e', '#1a7f37', '#9a6700', '#8250df', '#57606a']

export interface PictureOptions {
  readonly caption: string
  /** Not judged before. */
  readonly warmMs: number
}

export function toPicture(samples: readonly Sample[], { caption, warmMs }: PictureOptions): string {
  const panels = subjects.filter(({ curves }) => namesIn(samples, curves).length > 0)
  const height = 30 + panels.length * panelHeight
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">`,
    '<title id="title">Curves of a soak</title>',
    '<style>text{font:12px system-ui,sans-serif;fill:#24292f}.dim{fill:#6e7781}.name{font-weight:600}.warm{fill:#afb8c1;opacity:.25}' +
      '.axis{stroke:#afb8c1}polyline{fill:none;stroke-width:1.3}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#8b949e}}</style>',
    `<text class="dim" x="0" y="16">${caption}</text>`,
    ...panels.flatMap((subject, index) => drawPanel(subject, samples, 30 + index * panelHeight, warmMs)),
    '</svg>\n',
  ].join('\n')
}

function drawPanel(
  { title, unit, curves }: Subject,
  samples: readonly Sample[],
  top: number,
  warmMs: number,
): string[] {
  const endMs = Math.max(1, samples.at(-1)?.atMs ?? 1)
  const names = namesIn(samples, curves)
  const all = names.map((name) => pointsOf(samples, name))
  const most = Math.max(1e-9, ...all.flatMap((points) => points.map(({ value }) => value))) * 1.05
  const x = (atMs: number) => (left + (atMs / endMs) * plotWidth).toFixed(1)
  const y = (value: number) => (top + plotTop + plotHeight * (1 - value / most)).toFixed(1)
  const bottom = top + plotTop + plotHeight
  return [
    `<text class="name" x="0" y="${top + 14}">${title}</text>`,
    `<rect class="warm" x="${left}" y="${top + plotTop}" width="${((warmMs / endMs) * plotWidth).toFixed(1)}" height="${plotHeight}"/>`,
    `<line class="axis" x1="${left}" x2="${left + plotWidth}" y1="${bottom}" y2="${bottom}"/>`,
    `<text class="dim" x="${left - 6}" y="${top + plotTop + 8}" text-anchor="end">${inUnit(most, unit)}</text>`,
    `<text class="dim" x="${left - 6}" y="${bottom}" text-anchor="end">0</text>`,
    `<text class="dim" x="${left + plotWidth}" y="${bottom + 14}" text-anchor="end">${(endMs / 60_000).toFixed(1)} min</text>`,
    ...all.flatMap((points, index) => [
      `<polyline stroke="${colours[index % colours.length]}" points="${points.map(({ atMs, value }) => `${x(atMs)},${y(value)}`).join(' ')}"/>`,
      `<text x="${left + plotWidth + 10}" y="${top + plotTop + 10 + index * 15}" style="fill:${colours[index % colours.length]}">${names[index]} ${inUnit(points.at(-1)?.value ?? 0, unit)}</text>`,
    ]),
  ]
}
