using Dino.Gpu.Classification;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Classification;

public sealed class ProbeFileTests
{
    [Fact]
    public void A_probe_comes_back_as_it_was()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Path("probe.safetensors");
        var probe = new LinearProbe(
            [1, 2, 3, 4, 5.5f, -6],
            [0.25f, -1],
            ["cat \"tabby\"", "Hündin, \n"])
        { Metadata = new Dictionary<string, string> { ["model"] = "abc" } };
        probe.Save(path);
        LinearProbe loaded = LinearProbe.Load(path);
        Assert.Equal(probe.Weight.ToArray(), loaded.Weight.ToArray());
        Assert.Equal(probe.Bias.ToArray(), loaded.Bias.ToArray());
        Assert.Equal(probe.ClassNames, loaded.ClassNames);
        Assert.Equal("abc", loaded.Metadata["model"]);
        Assert.Equal(3, loaded.Dimension);
        Assert.Empty(loaded.History);
        Assert.Equal([path], folder.Files);
    }

    [Fact]
    public void A_file_that_is_no_probe_is_refused_in_one_line()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("no such file", Message(folder.Path("none.safetensors")));
        Assert.Contains("no safetensors file", Message(folder.Write("text.safetensors", "weight, bias")));
        Assert.Contains("no safetensors file", Message(folder.Write("empty.safetensors", "")));
        string path = folder.Path("probe.safetensors");
        new LinearProbe(new float[6], new float[2], ["a", "b"]).Save(path);
        byte[] whole = File.ReadAllBytes(path);
        Assert.Contains("truncated", Message(folder.Write("short.safetensors", whole[..40])));
        string text = System.Text.Encoding.Latin1.GetString(whole);
        Assert.Contains("no tensor 'weight'", Message(Write("weight", "heaven")));
        Assert.Contains("class names", Message(Write("classes", "klasses")));
        Assert.Contains("1 class names", Message(Write("a\\u0022,\\u0022b", "a,,,,,,,,,,,,,b")));

        string Write(string old, string replacement)
        {
            Assert.Equal(old.Length, replacement.Length);
            Assert.Contains(old, text);
            return folder.Write("changed.safetensors", System.Text.Encoding.Latin1.GetBytes(text.Replace(old, replacement)));
        }
    }

    private static string Message(string path)
    {
        string message = Assert.Throws<WeightsException>(() => LinearProbe.Load(path)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
