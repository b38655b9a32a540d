using System.Reflection;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// The name of a test is a sentence that says what holds, its words joined by underscores. A failure then reads as what
/// is wrong.
/// </summary>
public sealed partial class TestNameTests
{
    /// <summary>Words that keep their capitals within a sentence.</summary>
    private static readonly string[] Names =
        ["AMX", "CPU", "GPU", "JPEG", "LayerNorm", "OpenCL", "PTX", "Pillow", "Pillows", "RGB", "TIFF", "WebP"];

    [Fact]
    public void Every_test_has_a_sentence_for_its_name()
    {
        MethodInfo[] tests =
        [
            .. typeof(TestNameTests).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static))
                .Where(method => method.IsDefined(typeof(FactAttribute))),
        ];
        Assert.InRange(tests.Length, 500, int.MaxValue);
        Assert.Empty(tests.Where(test => !IsSentence(test.Name)).Select(test => $"{test.DeclaringType!.Name}.{test.Name}"));
    }

    [Theory]
    [InlineData("A_missing_file_is_named", true)]
    [InlineData("OpenCL_agrees_with_the_CPU", true)]
    [InlineData("MissingFile_IsNamed", false)]
    [InlineData("Missing_File_is_named", false)]
    [InlineData("missing_files_are_named", false)]
    [InlineData("Missing_files_areNamed", false)]
    [InlineData("Refused", false)]
    public void Other_styles_are_not_taken_for_sentences(string name, bool isSentence) => Assert.Equal(isSentence, IsSentence(name));

    private static bool IsSentence(string name)
    {
        string[] words = name.Split('_');
        return words.Length > 1
            && (Names.Contains(words[0]) || FirstWord().IsMatch(words[0]))
            && words.Skip(1).All(word => Names.Contains(word) || Word().IsMatch(word));
    }

    [GeneratedRegex("^[A-Z][a-z0-9]*$")]
    private static partial Regex FirstWord();

    [GeneratedRegex("^[a-z0-9]+$")]
    private static partial Regex Word();
}
