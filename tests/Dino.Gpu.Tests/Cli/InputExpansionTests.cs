using Dino.Gpu.Cli.Inputs;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

public sealed class InputExpansionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Arguments_keep_their_order_and_missing_files_their_place()
    {
        string b = _folder.Write("b.png", []);
        string a = _folder.Write("a.png", []);
        Assert.Equal([b, "missing.png", a, b], Expand(b, "missing.png", a, b));
    }

    [Fact]
    public void Folder_is_walked_to_any_depth_in_byte_order_without_other_and_hidden_files()
    {
        foreach (string name in new[] { "b.JPG", "a10.png", "a2.png", "B.png", "sub/deep/c.webp", "notes.txt", ".hidden.png", "._a2.png", ".cache/x.png", "none" })
            _folder.Write(name, []);
        Assert.Equal(Paths("B.png", "a10.png", "a2.png", "b.JPG", "sub/deep/c.webp"), Expand(_folder.Root));
    }

    [Fact]
    public void Links_to_folders_are_not_followed()
    {
        _folder.Write("a.png", []);
        Directory.CreateSymbolicLink(_folder.Path("loop"), _folder.Root);
        Assert.Equal(Paths("a.png"), Expand(_folder.Root));
    }

    [Theory]
    [InlineData("*.png", "a.png", "b.png")]
    [InlineData("?.png", "a.png", "b.png")]
    [InlineData("*", "a.png", "b.png", "c.jpg")]
    [InlineData("s*/*.png", "s1/d.png", "s2/e.png")]
    [InlineData("**/*.png", "a.png", "b.png", "s1/d.png", "s1/t/f.png", "s2/e.png")]
    [InlineData("**", "a.png", "b.png", "c.jpg", "s1/d.png", "s1/t/f.png", "s2/e.png")]
    [InlineData("s1/**/f.png", "s1/t/f.png")]
    [InlineData("*/t/*", "s1/t/f.png")]
    [InlineData("*.txt", "notes.txt")]
    public void Glob_is_expanded(string pattern, params string[] expected)
    {
        foreach (string name in new[] { "b.png", "a.png", "c.jpg", "notes.txt", "s1/d.png", "s2/e.png", "s1/t/f.png", ".h/g.png" })
            _folder.Write(name, []);
        Assert.Equal(Paths(expected), Expand(_folder.Path(pattern)));
    }

    [Fact]
    public void A_file_whose_name_looks_like_a_pattern_or_a_list_is_a_file()
    {
        string star = _folder.Write("a*.png", []);
        _folder.Write("ab.png", []);
        Assert.Equal([star], Expand(star));
    }

    [Fact]
    public void List_and_standard_input_are_one_path_a_line_as_it_stands()
    {
        string list = _folder.Write("list.txt", "z.png\r\n\na b.png\n*.png\n");
        string[] expected = ["z.png", "a b.png", "*.png"];
        Assert.Equal(expected, Expand("@" + list));
        Assert.Equal(expected, InputExpansion.Expand(["-"], new StringReader("z.png\r\n\na b.png\n*.png\n")));
    }

    [Fact]
    public void Nothing_found_is_an_error_that_says_where()
    {
        string list = _folder.Write("empty.txt", "\n");
        Assert.Contains($"no images in folder '{_folder.Root}'", Fails(_folder.Root));
        Assert.Contains("no image matches", Fails(_folder.Path("*.png")));
        Assert.Contains("no image matches", Fails(_folder.Path("nowhere", "*.png")));
        Assert.Contains($"no paths in list '{list}'", Fails("@" + list));
        Assert.Contains("cannot read list", Fails("@" + _folder.Path("no.txt")));
        Assert.Contains("no paths on standard input", Fails("-"));
    }

    private static List<string> Expand(params string[] inputs) => InputExpansion.Expand(inputs, TextReader.Null);

    private static string Fails(string input) => Assert.Throws<DinoException>(() => Expand(input)).Message;

    private IEnumerable<string> Paths(params string[] names) => names.Select(name => _folder.Path(name));
}
