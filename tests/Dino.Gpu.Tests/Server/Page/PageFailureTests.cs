using Dino.Gpu.Server;
using Dino.Gpu.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>The page where something is not as hoped: it says what, and what to do.</summary>
[Collection(nameof(PageCollection))]
public sealed class PageFailureTests(Chromium browser, PageServer server)
{
    private const string Done = "document.querySelector('#main').dataset.state === 'done'";

    private static string File => PageServer.Picture("samples/shapes.png");

    [Fact]
    public async Task A_broken_picture_is_told_with_the_reason_of_the_server()
    {
        await using BrowserPage page = await OpenAsync(server.Address);
        await page.ChooseAsync("#file", SourceTree.Find("README.md"));
        await page.UntilAsync(Done);
        Assert.Equal("The server cannot read this picture", await page.TextAsync("#error"));
        Assert.Contains("Not an image: expected", await page.TextAsync("#hint"));
        Assert.True((bool)(await page.EvaluateAsync("document.querySelector('#found').hidden"))!);
        Assert.True((bool)(await page.EvaluateAsync("document.querySelector('#again').hidden"))!);

        // The next picture starts anew.
        await page.ChooseAsync("#file", File);
        await page.UntilAsync($"{Done} && document.querySelectorAll('#neighbors li').length === 5");
        Assert.Equal("", await page.TextAsync("#error"));
        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task An_empty_file_is_called_so()
    {
        using var folder = new TemporaryFolder();
        string empty = folder.Write("empty.png", "");
        await using BrowserPage page = await OpenAsync(server.Address);
        await page.ChooseAsync("#file", empty);
        await page.UntilAsync(Done);
        Assert.Equal("This file is empty", await page.TextAsync("#error"));
        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task A_slow_server_is_told_and_can_be_left()
    {
        var gone = new TaskCompletionSource();
        server.Before = async context =>
        {
            if (context.Request.Method != "POST")
                return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            gone.TrySetResult();
            return true;
        };
        try
        {
            await using BrowserPage page = await OpenAsync(server.Address);
            await page.ChooseAsync("#file", File);
            await page.UntilAsync("document.querySelector('#status').innerText === 'Looking at shapes.png'");
            Assert.Equal("true", (string?)await page.EvaluateAsync("document.querySelector('#main').getAttribute('aria-busy')"));

            // Ten seconds later.
            await page.EvaluateAsync("(() => { const now = performance.now.bind(performance); performance.now = () => now() + 10000; })()");
            await page.UntilAsync("document.querySelector('#status').innerText === 'The server is still working'");
            Assert.Matches(", 1[0-9] s so far", await page.TextAsync("#seconds"));
            await page.EvaluateAsync("document.querySelector('#cancel').click()");
            Assert.Equal("Canceled", await page.TextAsync("#status"));
            await gone.Task.WaitAsync(TimeSpan.FromSeconds(20)); // the server is told, too
            Assert.Empty(page.Problems);
        }
        finally
        {
            server.Before = null;
        }
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_when_it_says()
    {
        int refused = 0;
        server.Before = context =>
        {
            if (context.Request.Path != "/attention" || Interlocked.Increment(ref refused) > 1)
                return Task.FromResult(false);
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            context.Response.Headers.RetryAfter = "4"; // seconds for which the page says so: a busy machine looks late
            return Task.FromResult(true);
        };
        try
        {
            await using BrowserPage page = await OpenAsync(server.Address);
            await page.ChooseAsync("#file", File);
            await page.UntilAsync("document.querySelector('#status').innerText === 'The server is busy; trying again'");
            await page.UntilAsync(Done);
            Assert.Equal(2, refused);
            Assert.Equal("2 heads and 5 neighbors", await page.TextAsync("#status"));
            Assert.Empty(page.Problems);
        }
        finally
        {
            server.Before = null;
        }
    }

    [Fact]
    public async Task A_server_that_is_gone_is_told_and_found_again()
    {
        (WebApplication first, Uri address) = await StartAsync();
        await using BrowserPage page = await OpenAsync(address);
        await first.DisposeAsync();
        await page.ChooseAsync("#file", File);
        await page.UntilAsync(Done);
        Assert.Equal("The server does not answer", await page.TextAsync("#error"));

        (WebApplication second, _) = await server.StartAsync(port: address.Port);
        await using (second)
        {
            await page.EvaluateAsync("document.querySelector('#again').click()");
            await page.UntilAsync($"{Done} && document.querySelectorAll('#neighbors li').length === 5");
            Assert.Equal("", await page.TextAsync("#error"));
        }

        Assert.Empty(page.Problems);
    }

    [Fact]
    public async Task Without_an_index_it_shows_the_maps_below_any_prefix()
    {
        (WebApplication app, Uri address) = await StartAsync(options => options.Index = null, "/some/place");
        await using (app)
        {
            await using BrowserPage page = await OpenAsync(address);
            await page.ChooseAsync("#file", File);
            await page.UntilAsync(Done);
            Assert.Equal("2 heads", await page.TextAsync("#status"));
            Assert.StartsWith("No index is loaded", await page.TextAsync("#found-note"), StringComparison.Ordinal);
            Assert.Empty(page.Problems);
        }
    }

    [Fact]
    public async Task A_key_is_asked_for_and_kept_for_the_tab()
    {
        const string Key = "0123456789abcdef0123456789abcdef";
        using var folder = new TemporaryFolder();
        string keys = folder.Write("keys", Key);
        (WebApplication app, Uri address) = await StartAsync(options => options.ApiKeyFile = keys);
        await using (app)
        {
            await using BrowserPage page = await OpenAsync(address);
            await page.ChooseAsync("#file", File);
            await page.UntilAsync("document.querySelector('#key').open");
            Assert.Equal("This server answers only with a key.", await page.TextAsync("#key-note"));
            await EnterWrongKeyAsync(page, "not the key");
            await page.PressAsync("Escape");
            Assert.Equal("Enter a key", await page.TextAsync("#again"));
            await page.EvaluateAsync("document.querySelector('#again').click()");
            await EnterKeyAsync(page, Key);
            Assert.Contains("tiny", await page.TextAsync("#about"));
            Assert.Equal(Key, (string?)await page.EvaluateAsync("sessionStorage.getItem('dino-api-key')"));
            Assert.Empty(page.Problems);
        }
    }

    /// <summary>A header has bytes, and a key any characters: a wrong one is refused, and a right one is taken.</summary>
    [Fact]
    public async Task A_key_may_have_any_characters()
    {
        const string Key = "\u043a\u043b\u044e\u0447-schl\u00fcssel-0123456789abcdef";
        using var folder = new TemporaryFolder();
        string keys = folder.Write("keys", Key);
        (WebApplication app, Uri address) = await StartAsync(options => options.ApiKeyFile = keys);
        await using (app)
        {
            await using BrowserPage page = await OpenAsync(address);
            await page.ChooseAsync("#file", File);
            await page.UntilAsync("document.querySelector('#key').open");
            await EnterWrongKeyAsync(page, "\u043d\u0435\u0442");
            await EnterKeyAsync(page, Key);
            Assert.Empty(page.Problems);
        }
    }

    private static async Task EnterWrongKeyAsync(BrowserPage page, string key)
    {
        await page.TypeAsync(key);
        await page.PressAsync("Enter");
        await page.UntilAsync(
            "document.querySelector('#key').open && document.querySelector('#key-note').innerText.includes('refused')");
    }

    private static async Task EnterKeyAsync(BrowserPage page, string key)
    {
        await page.TypeAsync(key);
        await page.PressAsync("Enter");
        await page.UntilAsync($"{Done} && document.querySelectorAll('#neighbors img').length === {PageServer.Ids.Count}");
    }

    private async Task<BrowserPage> OpenAsync(Uri address)
    {
        SourceTree.Require();
        Chromium.Require();
        return await BrowserPage.OpenAsync(browser, address);
    }

    private Task<(WebApplication App, Uri Address)> StartAsync(Action<DinoServerOptions>? configure = null, string prefix = "")
    {
        SourceTree.Require();
        Chromium.Require();
        return server.StartAsync(configure, prefix);
    }
}
