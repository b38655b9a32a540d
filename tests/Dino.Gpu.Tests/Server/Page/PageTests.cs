using System.Globalization;
using System.Text.Json.Nodes;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>The page in a browser: what it shows of a picture, however it comes. Nothing goes wrong unseen.</summary>
[Collection(nameof(PageCollection))]
public sealed class PageTests(Chromium browser, PageServer server)
{
    private const string Done = "document.querySelector('#main').dataset.state === 'done'";

    [Fact]
    public async Task A_dropped_picture_shows_its_maps_and_its_neighbors()
    {
        await using BrowserPage page = await OpenAsync();
        string file = PageServer.Picture("samples/chelsea.png");
        await page.DropAsync(file, 300, 300);
        await page.UntilAsync(Done);
        Assert.Equal("", await page.TextAsync("#error"));
        Assert.Contains("chelsea.png", await page.TextAsync("#stage"));

        // The mean lies over the picture in the colors of dino attention, a pixel a patch.
        AttentionMap map = server.Encoder.AttentionMaps([server.Encoder.Prepare(file)])[0];
        string[] names = ["picture", "mean", .. Enumerable.Range(0, map.HeadCount).Select(head => $"head {head}")];
        Assert.Equal(names, await ListAsync(page, "document.querySelectorAll('#heads input')", "input => input.value"));
        Assert.Equal(Painted(map.Mean(), map), await PixelsAsync(page, "#overlay"));
        await page.EvaluateAsync("document.querySelector('#heads input[value=\"head 1\"]').click()");
        Assert.Equal(Painted(map.Head(1), map), await PixelsAsync(page, "#overlay"));
        await page.EvaluateAsync("document.querySelector('#heads input[value=picture]').click()");
        Assert.True((bool)(await page.EvaluateAsync("document.querySelector('#overlay').hidden"))!);

        // The neighbors are those of the index, each with its cosine and, where the server has it, its picture.
        using VectorIndex index = server.OpenIndex();
        IReadOnlyList<VectorHit> hits = index.Search(server.Encoder.Embed(file), index.Count);
        Assert.Equal(
            hits.Select(hit => hit.Id),
            await ListAsync(page, "document.querySelectorAll('#neighbors .label')", "label => label.title"));
        Assert.Equal(
            hits.Select(hit => hit.Score.ToString("F4", CultureInfo.InvariantCulture)),
            await ListAsync(page, "document.querySelectorAll('#neighbors .score')", "score => score.textContent"));
        await page.UntilAsync($"document.querySelectorAll('#neighbors img').length === {PageServer.Ids.Count}");
        Assert.Single(await ListAsync(page, "document.querySelectorAll('#neighbors .missing')", "one => one.innerText"));
        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task A_chosen_head_stays_chosen_for_the_next_picture()
    {
        await using BrowserPage page = await OpenAsync();
        await LookAsync("samples/chelsea.png");
        await page.EvaluateAsync("document.querySelector('#heads input[value=\"head 1\"]').click()");
        foreach (string id in (string[])["samples/rocket.jpg", "samples/waves.jpg"])
        {
            await LookAsync(id);
            Assert.Equal("head 1", (string?)await page.EvaluateAsync("document.querySelector('#heads input:checked').value"));
            Assert.False((bool)(await page.EvaluateAsync("document.querySelector('#overlay').hidden"))!);
            AttentionMap map = server.Encoder.AttentionMaps([server.Encoder.Prepare(PageServer.Picture(id))])[0];
            Assert.Equal(Painted(map.Head(1), map), await PixelsAsync(page, "#overlay"));
        }

        Assert.Empty(page.Problems);

        async Task LookAsync(string id)
        {
            await page.ChooseAsync("#file", PageServer.Picture(id));
            await page.UntilAsync($"{Done} && document.querySelector('#name').innerText === '{Path.GetFileName(id)}'");
        }
    }

    [Fact]
    public async Task A_pasted_picture_and_a_chosen_neighbor_are_looked_at()
    {
        await using BrowserPage page = await OpenAsync();
        string base64 = Convert.ToBase64String(await File.ReadAllBytesAsync(PageServer.Picture("samples/waves.jpg")));
        await page.EvaluateAsync($$"""
            (() => {
              const bytes = Uint8Array.from(atob('{{base64}}'), letter => letter.charCodeAt(0));
              const clipboardData = new DataTransfer();
              clipboardData.items.add(new File([bytes], 'pasted.jpg', { type: 'image/jpeg' }));
              document.dispatchEvent(new ClipboardEvent('paste', { clipboardData }));
            })()
            """);
        await page.UntilAsync($"{Done} && document.querySelector('#name').innerText === 'pasted.jpg'");
        await page.UntilAsync("document.querySelectorAll('#neighbors .look').length > 1");
        string next = (string)(await page.EvaluateAsync("document.querySelectorAll('#neighbors .look img')[1].alt"))!;
        await page.EvaluateAsync("document.querySelectorAll('#neighbors .look')[1].click()");
        await page.UntilAsync($"{Done} && document.querySelector('#name').innerText === '{next}'");
        Assert.Equal("1.0000", await page.TextAsync("#neighbors .score"));
        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task The_keyboard_alone_is_enough()
    {
        await using BrowserPage page = await OpenAsync();
        await page.PressAsync("Tab");
        Assert.Equal("file", await FocusAsync(page));
        await page.AnswerFileDialogAsync(() => page.PressAsync(" "), PageServer.Picture("samples/rocket.jpg"));
        await page.UntilAsync(Done);
        await page.UntilAsync("document.querySelector('#neighbors .look')");

        await page.PressAsync("Tab");
        Assert.Equal("mean", await FocusAsync(page));
        byte[] mean = await PixelsAsync(page, "#overlay");
        await page.PressAsync("ArrowRight");
        Assert.Equal("head 0", await FocusAsync(page));
        Assert.NotEqual(mean, await PixelsAsync(page, "#overlay"));

        await page.PressAsync("Tab");
        Assert.Equal("strength", await FocusAsync(page));
        await page.PressAsync("ArrowRight");
        Assert.Equal("55 %", await page.TextAsync("#strength-value"));

        await page.PressAsync("Tab");
        Assert.Equal("look", await FocusAsync(page));
        await page.PressAsync("Enter");
        await page.UntilAsync("document.querySelector('#name').innerText === 'rocket.jpg'");
        await page.UntilAsync(Done);
        await page.PressAsync("Tab", shift: true);
        Assert.Empty(page.Problems);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_hard_to_see_or_to_find_with_a_screen_reader(bool dark)
    {
        await using BrowserPage page = await OpenAsync(dark: dark);
        double background = Brightness(await page.EvaluateAsync("getComputedStyle(document.body).backgroundColor"));
        Assert.InRange(background, dark ? 0 : 200, dark ? 60 : 255);
        await AssertAccessibleAsync(page);
        await page.ChooseAsync("#file", PageServer.Picture("samples/chelsea.png"));
        await page.UntilAsync($"{Done} && document.querySelectorAll('#neighbors img').length === {PageServer.Ids.Count}");
        await AssertAccessibleAsync(page);
        await page.ChooseAsync("#file", SourceTree.Find("README.md"));
        await page.UntilAsync($"{Done} && document.querySelector('#error').innerText");
        await AssertAccessibleAsync(page);
        await page.EvaluateAsync("document.querySelector('#key').showModal()");
        await AssertAccessibleAsync(page);
        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task A_narrow_window_scrolls_only_down()
    {
        await using BrowserPage page = await OpenAsync(width: 320, height: 640);
        const string Wider = "document.documentElement.scrollWidth > 320";
        Assert.False((bool)(await page.EvaluateAsync(Wider))!);
        await page.ChooseAsync("#file", PageServer.Picture("samples/rocket.jpg"));
        await page.UntilAsync($"{Done} && document.querySelectorAll('#neighbors img').length === {PageServer.Ids.Count}");
        Assert.False((bool)(await page.EvaluateAsync(Wider))!);
        await page.ChooseAsync("#file", SourceTree.Find("README.md"));
        await page.UntilAsync($"{Done} && document.querySelector('#error').innerText");
        Assert.False((bool)(await page.EvaluateAsync(Wider))!);
    }

    /// <summary>Where the preparation crops, the map lies over the part that the model saw.</summary>
    [Fact]
    public async Task The_map_lies_over_what_the_model_sees()
    {
        await using BrowserPage page = await OpenAsync();
        PreprocessorConfig standard = PreprocessorConfig.Standard;
        PreprocessorConfig cropped = standard with { ResizeWidth = 256, ResizeHeight = 256, InputWidth = 224, InputHeight = 224 };
        (string Name, Preprocessor Preprocessor)[] kinds =
        [
            ("hf", new Preprocessor(PreprocessPreset.HuggingFace, 224, 224)),
            ("dino", new Preprocessor(PreprocessPreset.Dino, 224, 224)),
            ("dino", new Preprocessor(PreprocessPreset.Dino, 320, 160)),
            .. new[] { cropped, cropped with { Resize = ResizeMode.ShorterSide }, cropped with { Resize = ResizeMode.None } }
                .Select(config => ($"hf, {config.Difference}", new Preprocessor(config, 224, 224))),
        ];
        foreach ((int width, int height) in ((int, int)[])[(640, 427), (300, 400), (256, 256)])
        {
            foreach ((string name, Preprocessor preprocessor) in kinds)
            {
                ResizePlan plan = preprocessor.Plan(width, height);
                JsonNode crop = (await page.EvaluateAsync($$"""
                    import('/page/maps.js').then(maps => maps.cropOf(
                      { preprocessing: '{{name}}', input_width: {{preprocessor.Width}}, input_height: {{preprocessor.Height}} },
                      {{width}}, {{height}}))
                    """))!;
                const double Pixel = 1.0 / 150; // plans round to whole pixels
                Assert.Equal((double)plan.Left / plan.Width, (double)crop["left"]!, Pixel);
                Assert.Equal((double)plan.Top / plan.Height, (double)crop["top"]!, Pixel);
                Assert.Equal((double)plan.CropWidth / plan.Width, (double)crop["width"]!, Pixel);
                Assert.Equal((double)plan.CropHeight / plan.Height, (double)crop["height"]!, Pixel);
            }
        }
    }

    private async Task<BrowserPage> OpenAsync(int width = 1100, int height = 800, bool dark = false)
    {
        SourceTree.Require();
        Chromium.Require();
        return await BrowserPage.OpenAsync(browser, server.Address, width, height, dark);
    }

    /// <summary>What has the focus, which must be seen: an id, a value or a class.</summary>
    private static async Task<string> FocusAsync(BrowserPage page)
    {
        JsonNode focus = (await page.EvaluateAsync("""
            (() => {
              const active = document.activeElement;
              const seen = [active, active.nextElementSibling].filter(Boolean).map(one => getComputedStyle(one).outlineStyle);
              const name = active.type === 'radio' ? active.value : active.id || active.className;
              return { name, isSeen: seen.some(style => style !== 'none') };
            })()
            """))!;
        Assert.True((bool)focus["isSeen"]!, $"the focus on {focus["name"]} is not seen");
        return (string)focus["name"]!;
    }

    private static async Task AssertAccessibleAsync(BrowserPage page)
    {
        await page.EvaluateAsync(Axe.Script);
        JsonNode violations = (await page.EvaluateAsync("""
            axe.run({ resultTypes: ['violations'] }).then(found => found.violations.map(
              one => `${one.id}: ${one.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | ')}`))
            """))!;
        Assert.Empty(violations.AsArray().Select(one => (string)one!));
    }

    private static async Task<string[]> ListAsync(BrowserPage page, string list, string map) =>
        [.. (await page.EvaluateAsync($"[...{list}].map({map})"))!.AsArray().Select(one => (string)one!)];

    /// <summary>Red, green and blue of each pixel of a canvas.</summary>
    private static async Task<byte[]> PixelsAsync(BrowserPage page, string canvas)
    {
        string base64 = (string)(await page.EvaluateAsync($$"""
            (() => {
              const { width, height } = document.querySelector('{{canvas}}');
              const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
              context.drawImage(document.querySelector('{{canvas}}'), 0, 0);
              const { data } = context.getImageData(0, 0, width, height);
              return btoa(String.fromCharCode(...data.filter((_, i) => i % 4 < 3)));
            })()
            """))!;
        return Convert.FromBase64String(base64);
    }

    private static byte[] Painted(ReadOnlySpan<float> grid, AttentionMap map) =>
        ColorMap.Viridis.Paint(grid, map.GridWidth, map.GridHeight).Pixels;

    private static double Brightness(JsonNode? color) =>
        ((string)color!).Split('(', ')', ',').Skip(1).Take(3).Average(part => double.Parse(part, CultureInfo.InvariantCulture));
}
