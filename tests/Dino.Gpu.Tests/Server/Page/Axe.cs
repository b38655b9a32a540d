using System.Reflection;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>
/// axe-core, which finds what people with a screen reader or weak eyes stumble over: WCAG 2, contrast included.
/// </summary>
internal static class Axe
{
    /// <summary>The script, which adds <c>axe</c> to a page.</summary>
    public static string Script { get; } = Load();

    private static string Load()
    {
        Assembly package = Assembly.Load("Deque.AxeCore.Commons");
        using Stream script = package.GetManifestResourceStream("Deque.AxeCore.Commons.Resources.axe.min.js")!;
        using var reader = new StreamReader(script);
        return reader.ReadToEnd();
    }
}
