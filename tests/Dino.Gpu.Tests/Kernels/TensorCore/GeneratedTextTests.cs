using Dino.Gpu.Kernels.TensorCore.Generator;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>The committed texts are those that the generator writes. With DINO_GENERATE=1 it writes them.</summary>
public sealed class GeneratedTextTests
{
    [Fact]
    public void CommittedText_IsTheGenerated()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "src", "Dino.Gpu", "Kernels", "TensorCore")))
            folder = folder.Parent;
        Assert.SkipWhen(folder is null, "the sources are not beside the tests");
        string target = Path.Combine(folder!.FullName, "src", "Dino.Gpu", "Kernels", "TensorCore", "Generated");
        (string Name, string Text)[] files = [.. GeneratedFiles.All()];
        if (Environment.GetEnvironmentVariable("DINO_GENERATE") == "1")
        {
            foreach (string file in Directory.EnumerateFiles(target))
                File.Delete(file);
            foreach ((string name, string text) in files)
                File.WriteAllText(Path.Combine(target, name), text);
        }

        Assert.Equal(files.Select(file => file.Name).Order(), Directory.EnumerateFiles(target).Select(Path.GetFileName).Order());
        foreach ((string name, string text) in files)
            Assert.Equal(text, File.ReadAllText(Path.Combine(target, name)), ignoreLineEndingDifferences: true);
        Assert.All(files, file => Assert.InRange(file.Text.Split('\n').Max(line => line.Length), 1, 140));
    }
}
