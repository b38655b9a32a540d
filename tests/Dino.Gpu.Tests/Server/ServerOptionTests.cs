using Dino.Gpu.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Dino.Gpu.Tests.Server;

/// <summary>Options of <c>AddDinoServer</c> that no request could be answered with end the start, and are named.</summary>
public sealed class ServerOptionTests
{
    public static TheoryData<string, Action<DinoServerOptions>> Impossible =>
        new()
        {
            { "MaxBodyBytes: expected 1 to", options => options.MaxBodyBytes = -1 },
            { "MaxBodyBytes: expected 1 to", options => options.MaxBodyBytes = long.MaxValue },
            { "MaxItems: expected 1 to", options => options.MaxItems = -1 },
            { "MaxBufferedBytes: expected 1 to", options => options.MaxBufferedBytes = 0 },
            { "MaxPasses: expected 0 or more", options => options.MaxPasses = -1 },
            { "BodyTimeout: expected more than 0 to 1.00:00:00", options => options.BodyTimeout = TimeSpan.FromSeconds(-1) },
            { "BodyTimeout: expected more than 0 to", options => options.BodyTimeout = TimeSpan.MaxValue },
            { "UrlTimeout: expected more than 0 to", options => options.UrlTimeout = TimeSpan.Zero },
            { "RetryAfter: expected 0 to", options => options.RetryAfter = TimeSpan.FromSeconds(-1) },
            { "DrainDelay: expected 0 to", options => options.DrainDelay = TimeSpan.FromDays(2) },
            { "ModelId: expected a name", options => options.ModelId = null! },
            { "Pictures: no such folder: /nope", options => options.Pictures = "/nope" },
            { "AllowedUrlHosts: expected names of hosts", options => options.AllowedUrlHosts.Add("") },
        };

    [Theory]
    [MemberData(nameof(Impossible), DisableDiscoveryEnumeration = true)]
    public async Task Option_that_cannot_be_ends_the_start(string message, Action<DinoServerOptions> set)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddDinoServer(set);
        await using WebApplication program = builder.Build();
        OptionsValidationException failure = await Assert.ThrowsAsync<OptionsValidationException>(
            () => program.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }
}
