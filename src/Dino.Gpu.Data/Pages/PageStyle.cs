namespace Dino.Gpu.Data.Pages;

/// <summary>
/// How <see cref="PicturePage"/> looks: light or dark like the reader's system, and narrow or wide like the window.
/// </summary>
internal static class PageStyle
{
    public const string Css = """
        :root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --line: #dfe3e8; --text: #1c2128; --quiet: #626b77;
          --accent: #2f6f4f; --track: #e4e8ed; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #15181c; --card: #1e2227; --line: #30363d; --text: #e6e9ed; --quiet: #98a2ae;
            --accent: #6fbf95; --track: #30363d; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; padding: 1.5rem clamp(1rem, 3vw, 3rem) 3rem; background: var(--page); color: var(--text);
          font: 14px/1.4 system-ui, sans-serif; }
        header { margin-bottom: 1.25rem; }
        h1 { margin: 0; font-size: 1.35rem; font-weight: 650; }
        header p { margin: .15rem 0 0; color: var(--quiet); overflow-wrap: anywhere; }
        section { display: grid; grid-template-columns: 210px 1fr; gap: 1.25rem; padding: 1.25rem 0; border-top: 1px solid var(--line); }
        .lead figure { position: sticky; top: 1rem; border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
        ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: .9rem; margin: 0; padding: 0;
          list-style: none; align-items: start; }
        figure { margin: 0; overflow: hidden; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
        img, .missing { display: block; width: 100%; height: 150px; object-fit: contain; background: var(--track); }
        .missing { display: grid; place-items: center; color: var(--quiet); font-style: italic;
          background: repeating-linear-gradient(45deg, var(--track) 0 10px, var(--card) 10px 20px); }
        figcaption { display: block; padding: .5rem .65rem .6rem; }
        figcaption > * { display: block; }
        .row { display: flex; align-items: center; gap: .5rem; margin-bottom: .25rem; }
        .row b { color: var(--accent); }
        .score { font-variant-numeric: tabular-nums; }
        .bar { flex: 1; height: 4px; border-radius: 2px; background: var(--track); overflow: hidden; }
        .bar i { display: block; height: 100%; background: var(--accent); }
        .name { font-weight: 500; overflow-wrap: anywhere; }
        small { color: var(--quiet); }
        .folder { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
        .none { margin: 0; color: var(--quiet); font-style: italic; }
        @media (max-width: 640px) { section { grid-template-columns: 1fr; } .lead figure { position: static; max-width: 210px; } }
        """;
}
