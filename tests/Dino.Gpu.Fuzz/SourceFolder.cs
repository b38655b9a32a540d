namespace Dino.Gpu.Fuzz;

/// <summary>Where this project lies: its corpus is read from there, not from a copy beside the program.</summary>
internal static class SourceFolder
{
    public static string Corpus => Path.Combine(Here(), "corpus");

    public static string Fixtures => Path.Combine(Here(), "fixtures");

    /// <summary>Files of others that the tests read.</summary>
    public static string Golden => Path.Combine(Path.GetDirectoryName(Here())!, "Dino.Gpu.Tests", "Golden");

    /// <summary>From the program up.</summary>
    private static string Here()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Dino.Gpu.Fuzz.csproj")))
                return folder;
        }

        throw new DirectoryNotFoundException("the program does not lie in its project");
    }
}
